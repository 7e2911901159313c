"""Networks that read a sequence and then generate others: three kinds of one design."""
