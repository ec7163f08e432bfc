#include "net/ws_client.hpp"

#include <catch2/catch.hpp>

using subcults::net::WsUrl;

TEST_CASE("feed addresses are taken apart") {
    struct Case {
        const char* url;
        bool tls;
        const char* host;
        unsigned port;
        const char* target;
        const char* authority;
    };
    for (const Case& c :
         {Case{"ws://localhost", false, "localhost", 80, "/", "localhost"},
          Case{"wss://jetstream2.us-east.bsky.network/subscribe?a=1&b=*", true,
               "jetstream2.us-east.bsky.network", 443, "/subscribe?a=1&b=*",
               "jetstream2.us-east.bsky.network"},
          Case{"WSS://h:443/", true, "h", 443, "/", "h"},
          Case{"http://127.0.0.1:6008?x", false, "127.0.0.1", 6008, "/?x", "127.0.0.1:6008"},
          Case{"https://[2001:db8::1]:65535/a", true, "2001:db8::1", 65535, "/a",
               "[2001:db8::1]:65535"},
          Case{"ws://[::1]", false, "::1", 80, "/", "[::1]"}}) {
        CAPTURE(c.url);
        const auto url = WsUrl::parse(c.url);
        REQUIRE(url);
        CHECK(url->tls == c.tls);
        CHECK(url->host == c.host);
        CHECK(url->port == c.port);
        CHECK(url->target == c.target);
        CHECK(url->authority() == c.authority);
    }
}

TEST_CASE("feed addresses that are not quite right are refused") {
    for (const char* url : {"",
                            "ws:",
                            "ws://",
                            "ftp://h/",
                            "h:80",
                            "ws:///x",
                            "ws://user@h/",
                            "ws://u:p@h/",
                            "ws://h:/",
                            "ws://h:0/",
                            "ws://h:65536/",
                            "ws://h:80x/",
                            "ws://h:000080/",
                            "ws://h:-1/",
                            "ws://h/#f",
                            "ws://h/a b",
                            "ws://h/\r\nX: y",
                            "ws://h\\x/",
                            "ws://[::1",
                            "ws://[::1]x/",
                            "ws://[fe80::1%25eth0]/",
                            "ws://[h]/",
                            "ws://::1/",
                            "ws://h/\xC3\xA9",
                            "ws://a,b/"}) {
        CAPTURE(url);
        CHECK_FALSE(WsUrl::parse(url));
    }
}
