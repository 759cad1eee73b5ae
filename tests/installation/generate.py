"""Compile a NESTML model into the environment's NEST: ``generate.py MODEL DIRECTORY``."""

import sys

from pynestml.frontend.pynestml_frontend import generate_nest_target

generate_nest_target(sys.argv[1], target_path=sys.argv[2], module_name="tinymodule")
