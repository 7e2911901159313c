"""What `failmap.watch` costs, beside the bare loop and beside other tools."""
