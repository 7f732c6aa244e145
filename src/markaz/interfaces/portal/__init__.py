"""The centre in a browser: pages made on the server, in three languages.

A row of the table (``table.PAGES``) is one method of one address. ``door`` does what every
request needs (who asks, rate limits, forgery, form), the row's handler asks the centre, and
``render`` turns a template into the answer. Nothing here decides who may do what: the rules
of verbs and queries do, as for REST.
"""
