"""Rules of published tools, reimplemented on Failmap's signals with their published parameters."""
