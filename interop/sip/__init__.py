"""SIP peers of the suite: messages, a user agent over WebSocket, Kamailio, sipp."""
