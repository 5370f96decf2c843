"""A trained network in the browser: a video's answer, what the network looked at, and where its numbers come from."""
