"""Clips in the style of a picture: frames that follow the motion, shot by shot."""
