"""Look-alike of the module ``nest``, whose functions run in the kernel of a session.

module         the module itself
functions      functions that the kernel executes
own_functions  functions that this side executes
submodules     modules below ``nest``, and the installation of all of them
import_paths   names that each of PyNEST's modules has
helpers        ``nest.lib.hl_api_helper``
"""
