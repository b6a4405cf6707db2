"""The difference between what a sync wants and what Listrak holds, and the plan that follows from it."""
