//! The EventSource state machine.
