"""Networks that were trained elsewhere: described by `gsf import`, converted by a stage, then evaluated like ours."""
