#!/usr/bin/env node
// A file of its own, so that package managers can link it before the package is built.
import('../dist/cli.js').then(({ main }) => main(process.argv.slice(2)))
