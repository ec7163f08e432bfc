// Headers that every answer carries, whatever it is: what a browser must not do with it.
#pragma once

#include <string>

namespace subcults::api {

struct SecurityHeaders {
    bool hsts = false;            // browsers are to come back by TLS only: behind a TLS proxy
    bool vary_by_origin = false;  // with CORS on
};

// Complete "Name: value\r\n" lines, made once per server.
inline std::string security_header_lines(const SecurityHeaders& wanted) {
    // The API serves no page: nothing in an answer may be run, framed or guessed to be another
    // type.
    std::string lines =
        "X-Content-Type-Options: nosniff\r\n"
        "Referrer-Policy: no-referrer\r\n"
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n";
    if (wanted.hsts) lines += "Strict-Transport-Security: max-age=31536000\r\n";
    if (wanted.vary_by_origin) lines += "Vary: Origin\r\n";
    return lines;
}

}  // namespace subcults::api
