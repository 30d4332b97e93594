"""What a shell is told when a user presses TAB; like help, it is answered without click."""
