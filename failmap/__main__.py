"""Run `python -m failmap`: the same as the console script `failmap`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main()
