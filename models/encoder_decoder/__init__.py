"""Networks that read a sequence and then say others: three kinds of one design."""
