"""The network: requests, downloads, and what goes wrong with them."""
