"""The roof: command line, web server, worker, demo, and the wiring that joins everything."""
