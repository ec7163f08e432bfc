// The unit whose precompiled header every target with ASIO reuses: it has nothing to say itself.
