"""Addresses of the gateway: each module has those that its name says.

calls     ``/api``, ``/api/<call>``, ``/batch``, ``/operation``, ``/release``
scripts   ``/exec``
jobs      ``/jobs`` and below
leases    ``/clients/<client>``: signs of life of clients that hold objects
files     ``/files`` and below: what NEST has written
events    ``/events``, ``/recorders``
server    ``/``, ``/healthz``, ``/readyz``, ``/metrics``, ``DELETE /kernel``
pages     the page at ``/`` in a browser, ``/static/``
api_docs  ``/openapi.json``, ``/api-docs/``
desktop   ``/desktop/``: NEST Desktop
answers   replies to what the kernel is asked for: a result, or a job
"""
