#include "atproto/lexicon.hpp"
#include "atproto/lexicon_keywords.hpp"
#include "atproto/nsid.hpp"
#include "atproto/string_format.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <stdexcept>
#include <utility>

namespace subcults::atproto {

// Reads one file. Definitions get their place before any is read, so that they may refer to each
// other in any order.
class LexiconCompiler {
  public:
    Lexicon run(std::string_view json) {
        simdjson::dom::parser parser;
        simdjson::dom::element root;
        if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS)
            throw std::invalid_argument("lexicon: is not JSON");
        Keywords file(root, "lexicon");
        if (file.integer("lexicon") != 1) file.fail("is not of version 1");
        lexicon_.id_ = file.text("id");
        if (!is_valid_nsid(lexicon_.id_)) file.fail("has an id that is no NSID");
        file.optional_text("description");
        Keywords definitions(file.need("defs"), lexicon_.id_ + ":");
        file.finish();

        const Keywords::Element main = definitions.need("main");
        const std::vector<Keywords::Keyword> others = definitions.rest();
        for (const Keywords::Keyword& other : others)
            definitions_.emplace(other.name, add_schema());
        for (const Keywords::Keyword& other : others)
            definition(other.name,
                       Keywords(other.value, definitions.where() + " " + std::string(other.name)));
        record(Keywords(main, definitions.where() + " main"));
        historical(definitions);
        for (const auto& [name, schema] : definitions_) {
            if (!used_.contains(name))
                definitions.fail(name + " is defined, but nothing refers to it");
        }
        return std::move(lexicon_);
    }

  private:
    Schema* add_schema() {
        lexicon_.schemas_.push_back(std::make_unique<Schema>());
        return lexicon_.schemas_.back().get();
    }

    void definition(std::string_view name, Keywords words) {
        // Chains of references would have to be searched for circles; nobody needs them.
        if (words.text("type") == "ref") words.fail("only refers to another definition");
        fill(*definitions_.find(name)->second, words);
    }

    void record(Keywords words) {
        if (words.text("type") != "record") words.fail("is not a record");
        words.optional_text("description");
        const std::string_view key = words.text("key");
        if (key != "tid" && key != "any") words.fail("has a key that is not understood");
        lexicon_.keys_are_tids_ = key == "tid";
        Schema* const schema = add_schema();
        Keywords body(words.need("record"), words.where("record"));
        words.finish();
        fill(*schema, body);
        lexicon_.main_ = record_form(*schema, body);
    }

    // A record may say what it is, and must not say anything else.
    const ObjectSchema* record_form(Schema& schema, const Keywords& words) {
        auto* const object = std::get_if<ObjectSchema>(&schema.rule);
        if (object == nullptr) words.fail("is not an object");
        if (object->properties.size() == ObjectSchema::max_properties)
            words.fail("has too many properties");
        StringSchema type;
        type.allowed.push_back(lexicon_.id_);
        Schema* const own = add_schema();
        own->rule = std::move(type);
        ObjectSchema::Property property;
        property.name = "$type";
        property.schema = own;
        object->properties.insert(object->properties.begin(), std::move(property));
        sort(*object);
        return object;
    }

    void historical(const Keywords& definitions) {
        const auto found = definitions_.find("historical");
        if (found == definitions_.end()) return;
        if (used_.contains("historical")) definitions.fail("historical is referred to");
        if (!std::holds_alternative<ObjectSchema>(found->second->rule))
            definitions.fail("historical is not an object");
        used_.emplace("historical");
        lexicon_.historical_ = record_form(*found->second, definitions);
        for (const auto& property : lexicon_.historical_->properties) {
            if (property.required && lexicon_.main_->find(property.name) == nullptr)
                lexicon_.historical_marks_.push_back(property.name);
        }
        if (lexicon_.historical_marks_.empty())
            definitions.fail("historical requires nothing that tells it from the record");
    }

    const Schema* schema_of(Keywords words) {
        if (words.text("type") == "ref") return reference(words);
        Schema* const schema = add_schema();
        fill(*schema, words);
        return schema;
    }

    const Schema* reference(Keywords& words) {
        words.optional_text("description");
        const std::string_view name = words.text("ref");
        words.finish();
        const auto found =
            name.starts_with('#') ? definitions_.find(name.substr(1)) : definitions_.end();
        if (found == definitions_.end())
            words.fail("refers to '" + std::string(name) + "', which this file does not define");
        used_.emplace(found->first);
        return found->second;
    }

    void fill(Schema& schema, Keywords& words) {
        const std::string_view type = words.text("type");
        words.optional_text("description");
        if (type == "object") {
            schema.rule = object(words);
        } else if (type == "array") {
            schema.rule = array(words);
        } else if (type == "string") {
            schema.rule = string(words);
        } else if (type == "integer") {
            schema.rule = integer(words);
        } else if (type == "boolean") {
            schema.rule = BooleanSchema();
        } else if (type == "unknown") {
            schema.rule = UnknownSchema();
        } else {
            words.fail("is of the type '" + std::string(type) + "', which is not understood");
        }
        words.finish();
    }

    static void sort(ObjectSchema& object) {
        std::sort(object.properties.begin(), object.properties.end(),
                  [](const auto& a, const auto& b) { return a.name < b.name; });
    }

    ObjectSchema object(Keywords& words) {
        ObjectSchema object;
        Keywords properties(words.need("properties"), words.where("properties"));
        for (const Keywords::Keyword& entry : properties.rest()) {
            if (entry.name.empty() || entry.name.starts_with('$'))
                properties.fail("names a property '" + std::string(entry.name) + "'");
            ObjectSchema::Property property;
            property.name = entry.name;
            property.schema = schema_of(Keywords(entry.value, properties.where(entry.name)));
            object.properties.push_back(std::move(property));
        }
        if (object.properties.size() > ObjectSchema::max_properties)
            words.fail("has too many properties");
        sort(object);
        if (const auto required = words.texts("required")) {
            for (const std::string& name : *required) {
                const auto found =
                    std::find_if(object.properties.begin(), object.properties.end(),
                                 [&name](const auto& property) { return property.name == name; });
                if (found == object.properties.end())
                    words.fail("requires '" + name + "', which is no property");
                found->required = true;
            }
        }
        return object;
    }

    ArraySchema array(Keywords& words) {
        ArraySchema array;
        array.items = schema_of(Keywords(words.need("items"), words.where("items")));
        array.min_items = words.count("minLength").value_or(array.min_items);
        array.max_items = words.count("maxLength").value_or(array.max_items);
        if (array.min_items > array.max_items) words.fail("allows no length");
        return array;
    }

    StringSchema string(Keywords& words) {
        StringSchema string;
        string.min_bytes = words.count("minLength").value_or(string.min_bytes);
        string.max_bytes = words.count("maxLength").value_or(string.max_bytes);
        string.min_graphemes = words.count("minGraphemes").value_or(string.min_graphemes);
        string.max_graphemes = words.count("maxGraphemes").value_or(string.max_graphemes);
        if (string.min_bytes > string.max_bytes || string.min_graphemes > string.max_graphemes)
            words.fail("allows no length");
        if (const auto name = words.optional_text("format")) {
            string.format = find_string_format(*name);
            if (string.format == nullptr)
                words.fail("has the format '" + std::string(*name) + "', which is not understood");
        }
        if (auto allowed = words.texts("enum")) string.allowed = std::move(*allowed);
        // Open by definition: there is nothing to enforce, only a form to keep.
        if (words.texts("knownValues") && !string.allowed.empty())
            words.fail("has both 'enum' and 'knownValues'");
        return string;
    }

    IntegerSchema integer(Keywords& words) {
        IntegerSchema integer;
        integer.minimum = words.integer("minimum").value_or(integer.minimum);
        integer.maximum = words.integer("maximum").value_or(integer.maximum);
        if (integer.minimum > integer.maximum) words.fail("allows no value");
        return integer;
    }

    Lexicon lexicon_;
    std::map<std::string, Schema*, std::less<>> definitions_;
    std::set<std::string, std::less<>> used_;
};

Lexicon Lexicon::compile(std::string_view json) {
    return LexiconCompiler().run(json);
}

}  // namespace subcults::atproto
