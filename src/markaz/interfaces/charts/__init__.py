"""Charts as SVG text: pure functions, readable in print and without colours.

Colours are CSS variables of whoever shows the chart, so that one SVG serves light and dark
pages and print; series differ in dash and mark too. Every chart is an image with a title and
a description; what it shows belongs beside it as a table.
"""
