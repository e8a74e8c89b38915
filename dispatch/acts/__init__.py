"""What can be done: every act as a typed message, the right it needs, and the entries it makes. Cores."""
