"""A simulated three-phase motor: equations, inverter, encoder, control loops, and a stabilised platform.

    trace = simulate(GIMBAL, FieldOriented(GIMBAL, speed=lambda t: 20.0), seconds=0.5)

`machine` holds the equations, `drive` runs a controller of `control` against them, `attitude` and `platform` are
about a platform that a motor keeps level.
"""
