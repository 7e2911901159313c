"""The half of the cases that is read once, at the end; `unread.sha256` is the digest of its files."""
