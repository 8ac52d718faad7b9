"""Pictures to order: options, drawings, saved plots, dashboards, share links, annotations."""
