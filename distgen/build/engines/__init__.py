"""The engines that build: one file each, which says with which words its program is called."""
