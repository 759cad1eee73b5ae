"""Several hosts, made of network namespaces of one machine."""
