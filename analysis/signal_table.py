"""Run `python -m analysis.signal_table` from a checkout: the same as `failmap signals`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("signals")
