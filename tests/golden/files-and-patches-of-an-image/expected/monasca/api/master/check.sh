#!/bin/sh
curl -f localhost:8080
