"""The cases, one file per group; `benches.case.GROUPS` lists them in the order of the report."""
