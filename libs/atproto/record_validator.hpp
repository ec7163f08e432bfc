// Checks records against the project's lexicons (proto/lexicons), which are compiled in.
//
// Enforced: that `$type`, when present, is the collection; required fields; types; string lengths
// in bytes and in graphemes; formats (at-uri, did, handle, at-identifier, nsid, tid, record-key,
// datetime, uri, language, cid); closed lists of values; ranges of integers; lengths of arrays;
// and, anywhere in a record of one of the project's namespaces, that nothing private is in it:
// coordinates, exact addresses, contacts. Fields that a lexicon does not name are left alone, as
// the protocol wants it; a private key that a lexicon declares at its place is allowed there.
//
// Values are checked as a reader would use them: absent and null are the same for optional fields,
// and a required one that is null is missing. A field given twice is a fault where a lexicon names
// it (readers disagree on which counts); a private key is one whatever its value. A lexicon may
// hold a second form, `historical`: a record with a field that only that form requires is judged
// by it (app.subcult.alliance with fromSceneId or toSceneId). What a lexicon calls `unknown` may be
// anything: readers check the numbers of historical records.
//
// Threading: immutable after construction; may be shared. Cost: construction parses the lexicons
// (half a millisecond), a check walks the record once (about 3 µs per kB).
#pragma once

#include "base/result.hpp"

#include <simdjson.h>

#include <memory>
#include <string>
#include <string_view>

namespace subcults::atproto {

struct RecordFault {
    enum class Kind {
        invalid,       // breaks the lexicon
        private_data,  // holds what must not be public: its content must not be kept either
    } kind = Kind::invalid;
    // "record.tags[3]": at most 512 bytes of ASCII. Never quotes the record's values; a key that
    // does not look like a name is shown as `?`.
    std::string path;
    std::string reason;  // what, for an operator: "must have at most 200 graphemes"
};

class RecordValidator {
  public:
    // Throws std::invalid_argument when a lexicon says something that is not enforced here.
    RecordValidator();
    ~RecordValidator();
    RecordValidator(const RecordValidator&) = delete;
    RecordValidator& operator=(const RecordValidator&) = delete;

    // Whether there is a lexicon for this collection. Others are only searched for private keys,
    // and only when they are in one of the project's namespaces.
    bool knows(std::string_view collection) const noexcept;

    // Whether records of this collection may have this key: some lexicons want a TID. True for a
    // collection without a lexicon.
    bool key_fits(std::string_view collection, std::string_view rkey) const noexcept;

    // Nothing, or the first fault in document order (private data before everything else; a missing
    // field comes after all that are there). Nesting beyond 512 levels counts as private data,
    // because nobody has searched it; callers do well to treat a record that the parser refuses (a
    // number beyond its range) or that is no object in the same way.
    Result<void, RecordFault> check(std::string_view collection,
                                    const simdjson::dom::object& record) const;

  private:
    struct Impl;
    std::unique_ptr<const Impl> impl_;
};

}  // namespace subcults::atproto
