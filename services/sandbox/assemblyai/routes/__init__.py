"""The sandbox's HTTP interface: the vendor's calls, and the control of the sandbox itself."""
