"""The evasion matrix: the same attacks in every dress that WebSocket and its payloads allow."""
