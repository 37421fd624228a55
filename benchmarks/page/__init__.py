"""The review page on made results: its API calls, its first view, its frames."""
