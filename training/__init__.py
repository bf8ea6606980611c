"""Training of the bundled encoder: a narrow VGG-19 distilled from the original one.

    python -m training --photos DIR --paintings DIR --out FILE.safetensors

`README.md` describes the stages, the data and the measurements. No part of the wheel.
"""
