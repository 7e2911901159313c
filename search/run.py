"""Run `python -m search.run` from a checkout: the same as `failmap run`."""

if __name__ == "__main__":
    from failmap.search.commands.table import main

    main("run")
