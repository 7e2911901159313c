"""The report as one page of HTML that needs no network, no server and no other file."""
