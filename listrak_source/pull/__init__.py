"""API pages into warehouse tables."""
