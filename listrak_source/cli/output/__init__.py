"""How a command tells what it does: on a terminal, in a log, as a document, to Slack and Sentry."""
