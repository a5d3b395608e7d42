"""How much drift is of no interest, unless the settings say otherwise."""

DELTA = 0.1  # psi
