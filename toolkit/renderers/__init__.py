"""How a result looks: on a terminal, as Markdown, as a page, as JSON. A renderer computes nothing."""
