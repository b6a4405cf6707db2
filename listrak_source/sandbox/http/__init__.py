"""The API of a sandbox over HTTP: routes, answers, tokens, and faults on the way."""
