#include "config/reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#include "base/assert.h"

namespace segw::config {
namespace {

using Kind = Token::Kind;

constexpr size_t kKeysMax = 4;  // of one list of our schema

bool is_value(const Token& token) { return token.kind == Kind::Word || token.kind == Kind::Text; }

// How the token is called in an error.
std::string shown(const Token& token) {
  switch (token.kind) {
    case Kind::Word:
      return "'" + token.text + "'";
    case Kind::Text:
      return "\"" + token.text + "\"";
    case Kind::Open:
    case Kind::Close:
    case Kind::ListOpen:
    case Kind::ListClose:
      return "'" + token.text + "'";
    case Kind::EndOfLine:
      return "the end of the line";
    case Kind::End:
      return "the end of the text";
    case Kind::Bad:
      return token.text;
  }
  return "";
}

}  // namespace

void Reader::refuse(const Token& at, const std::string& path, std::string text) {
  draft_.findings.add(
      ConfigError{.line = at.line, .column = at.column, .path = path, .text = std::move(text)});
}

void Reader::mark(const std::string& path, const Token& at, lyd_node* node) {
  draft_.marks.insert_or_assign(path, Mark{.line = at.line, .column = at.column, .node = node});
}

void Reader::read() {
  const Place top;
  while (lexer_.peek().kind != Kind::End) {
    if (lexer_.peek().kind == Kind::EndOfLine) {
      lexer_.next();
    } else if (lexer_.peek().kind == Kind::Close) {
      refuse(lexer_.next(), "", "this '}' closes nothing");
    } else {
      statement(top);
    }
  }
}

// Recursion is as deep as the schema at most: a block is opened only after a step down.
void Reader::block(const Place& place, const Token& open) {
  while (true) {
    const Kind kind = lexer_.peek().kind;
    if (kind == Kind::EndOfLine) {
      lexer_.next();
    } else if (kind == Kind::Close) {
      lexer_.next();
      return;
    } else if (kind == Kind::End) {
      if (!end_reported_) {
        refuse(open, place.path, "the block opened here is not closed: '}' expected");
      }
      end_reported_ = true;
      return;
    } else {
      statement(place);
    }
  }
}

void Reader::statement(Place place) {
  while (true) {
    const Token name = lexer_.next();
    if (name.kind != Kind::Word) {
      unknown_word(place, name);
      return;
    }
    const lysc_node* child = draft_.tree->schema().child(place.schema, name.text);
    if (child == nullptr || lysc_is_key(child)) {
      unknown_word(place, name);
      return;
    }
    if (child->nodetype == LYS_LEAF) return leaf(place, child, name);
    if (child->nodetype == LYS_LEAFLIST) return leaf_list(place, child, name);
    std::optional<Place> entered = enter(place, child, name);
    if (!entered) return skip_statement();
    place = std::move(*entered);
    const Kind kind = lexer_.peek().kind;
    if (kind == Kind::Open) {
      block(place, lexer_.next());
      return end_of_statement(place);
    }
    if (kind == Kind::EndOfLine || kind == Kind::End || kind == Kind::Close) return;
  }
}

std::optional<Reader::Place> Reader::enter(const Place& place, const lysc_node* child,
                                           const Token& name) {
  if (child->nodetype == LYS_LIST) return enter_list(place, child, name);
  return enter_container(place, child, name);
}

Reader::Place Reader::enter_container(const Place& place, const lysc_node* child,
                                      const Token& name) {
  Place inner{.schema = child,
              .data = nullptr,
              .path = place.path + "/" + child->name,
              .detached = place.detached};
  if (place.detached) return inner;
  const auto known = draft_.marks.find(inner.path);
  if (known != draft_.marks.end()) {
    inner.data = known->second.node;
    return inner;
  }
  const LY_ERR made =
      lyd_new_inner(place.data, child->module, child->name, /*output=*/0, &inner.data);
  SEGW_ASSERT(made == LY_SUCCESS);
  if (place.data == nullptr) draft_.tree->root = inner.data;
  mark(inner.path, name, inner.data);
  return inner;
}

// The first key stands alone, each further one behind its name: route 10.0.0.0/8 route-type
// unicast.
std::optional<std::vector<std::string>> Reader::read_keys(const Place& place, const lysc_node* list,
                                                          bool& valid) {
  std::vector<std::string> values;
  const std::string path = place.path + "/" + list->name;
  for (const lysc_node* key : keys_of(list)) {
    if (!values.empty()) {
      const Token name = lexer_.peek();
      if (name.kind != Kind::Word || name.text != key->name) {
        refuse(name, path, fmt::format("{} found, '{}' expected", shown(name), key->name));
        return std::nullopt;
      }
      lexer_.next();
    }
    const Token value = lexer_.peek();
    if (!is_value(value)) {
      refuse(value, path,
             fmt::format("{} found, {} expected: {}", shown(value), key->name,
                         expected_value(type_of(key))));
      return std::nullopt;
    }
    lexer_.next();
    valid = check_value(path, key, value) && valid;
    values.push_back(value.text);
  }
  return values;
}

std::optional<Reader::Place> Reader::enter_list(const Place& place, const lysc_node* list,
                                                const Token& name) {
  bool valid = true;
  const auto keys = read_keys(place, list, valid);
  if (!keys) return std::nullopt;
  SEGW_ASSERT(!keys->empty() && keys->size() <= kKeysMax);
  Place inner{.schema = list,
              .data = nullptr,
              .path = place.path + "/" + list->name,
              .detached = place.detached || !valid};
  if (inner.detached) return inner;
  std::array<const char*, kKeysMax> arguments{};
  for (size_t i = 0; i < keys->size(); ++i) arguments.at(i) = (*keys)[i].c_str();
  const LY_ERR made = lyd_new_list(place.data, list->module, list->name, /*output=*/0, &inner.data,
                                   arguments[0], arguments[1], arguments[2], arguments[3]);
  if (made != LY_SUCCESS) {
    refuse(name, inner.path, draft_.tree->schema().take_last_error());
    inner.detached = true;
    return inner;
  }
  // Two spellings of a key can mean one entry (08 and 8): the canonical path decides.
  inner.path = path_of(inner.data);
  const auto known = draft_.marks.find(inner.path);
  if (known != draft_.marks.end()) {
    lyd_free_tree(inner.data);
    inner.data = known->second.node;
    return inner;
  }
  mark(inner.path, name, inner.data);
  return inner;
}

bool Reader::check_value(const std::string& path, const lysc_node* leaf, const Token& value) {
  const LY_ERR checked =
      lyd_value_validate(draft_.tree->schema().context(), leaf, value.text.data(),
                         value.text.size(), nullptr, nullptr, nullptr);
  if (checked == LY_SUCCESS || checked == LY_EINCOMPLETE) return true;
  (void)draft_.tree->schema().take_last_error();
  const std::string what = is_secret(leaf) ? "this value" : shown(value);
  refuse(value, path,
         fmt::format("{} is no {}: {} expected", what, leaf->name, expected_value(type_of(leaf))));
  return false;
}

void Reader::leaf(const Place& place, const lysc_node* leaf, const Token& name) {
  const std::string path = place.path + "/" + leaf->name;
  if (type_of(leaf)->basetype == LY_TYPE_EMPTY) {
    store_leaf(place, leaf,
               Token{.kind = Kind::Text, .text = "", .line = name.line, .column = name.column});
    return end_of_statement(place);
  }
  const Token value = lexer_.peek();
  if (!is_value(value)) {
    refuse(
        value, path,
        fmt::format("{} found, a value expected: {}", shown(value), expected_value(type_of(leaf))));
    mark(path, name, nullptr);
    return skip_statement();
  }
  lexer_.next();
  const Token& after = lexer_.peek();
  if (is_secret(leaf) && after.kind == Kind::Word) {
    refuse(after, path,
           fmt::format("'{}' says that the secret is hashed or hidden; only the secret itself in "
                       "plain text is taken",
                       after.text));
    mark(path, name, nullptr);
    return skip_statement();
  }
  store_leaf(place, leaf, value);
  end_of_statement(place);
}

void Reader::store_leaf(const Place& place, const lysc_node* leaf, const Token& value) {
  const std::string path = place.path + "/" + leaf->name;
  const bool valid = check_value(path, leaf, value);
  if (place.detached) return;
  const auto known = draft_.marks.find(path);
  if (known != draft_.marks.end()) {
    const lyd_node* node = known->second.node;
    if (!valid || node == nullptr) return;
    const auto* term = reinterpret_cast<const lyd_node_term*>(node);
    if (lyd_value_compare(term, value.text.data(), value.text.size()) == LY_SUCCESS) return;
    refuse(value, path, fmt::format("already set to another value in line {}", known->second.line));
    return;
  }
  lyd_node* node = nullptr;
  if (valid) {
    const LY_ERR made = lyd_new_term(place.data, leaf->module, leaf->name, value.text.c_str(),
                                     /*output=*/0, &node);
    if (made != LY_SUCCESS) refuse(value, path, draft_.tree->schema().take_last_error());
  }
  mark(path, value, node);
}

void Reader::leaf_list(const Place& place, const lysc_node* list, const Token& name) {
  if (lexer_.peek().kind != Kind::ListOpen) {
    if (!is_value(lexer_.peek())) {
      refuse(lexer_.peek(), place.path + "/" + list->name,
             fmt::format("{} found, '[' and values expected: {}", shown(lexer_.peek()),
                         expected_value(type_of(list))));
      return skip_statement();
    }
    store_item(place, list, lexer_.next());
    return end_of_statement(place);
  }
  lexer_.next();
  while (is_value(lexer_.peek())) store_item(place, list, lexer_.next());
  if (lexer_.peek().kind != Kind::ListClose) {
    refuse(
        lexer_.peek(), place.path + "/" + list->name,
        fmt::format("{} found, ']' expected for the '[' of {}", shown(lexer_.peek()), name.text));
    return skip_statement();
  }
  lexer_.next();
  end_of_statement(place);
}

void Reader::store_item(const Place& place, const lysc_node* list, const Token& value) {
  if (!check_value(place.path + "/" + list->name, list, value) || place.detached) return;
  lyd_node* node = nullptr;
  const LY_ERR made =
      lyd_new_term(place.data, list->module, list->name, value.text.c_str(), /*output=*/0, &node);
  if (made != LY_SUCCESS) {
    refuse(value, place.path + "/" + list->name, draft_.tree->schema().take_last_error());
    return;
  }
  const std::string path = path_of(node);
  if (draft_.marks.contains(path)) {
    lyd_free_tree(node);  // said twice is said once
    return;
  }
  mark(path, value, node);
}

void Reader::unknown_word(const Place& place, const Token& word) {
  std::vector<std::string> names;
  for (const lysc_node* child : draft_.tree->schema().children(place.schema)) {
    if (!lysc_is_key(child)) names.emplace_back(child->name);
  }
  std::string text;
  if (word.kind == Kind::Bad) {
    text = word.text;
  } else {
    const std::string meant = nearest(word.text, names);
    text = fmt::format("{} is not known here", shown(word));
    if (!meant.empty()) text += fmt::format(" (did you mean {}?)", meant);
  }
  refuse(word, place.path, fmt::format("{}; expected: {}", text, fmt::join(names, ", ")));
  // The word is already taken: a block that it opened must not be left half read.
  if (word.kind != Kind::EndOfLine && word.kind != Kind::End) {
    skip_statement(word.kind == Kind::Open ? 1 : 0);
  }
}

void Reader::end_of_statement(const Place& place) {
  const Token& after = lexer_.peek();
  if (after.kind == Kind::EndOfLine || after.kind == Kind::End || after.kind == Kind::Close) return;
  refuse(after, place.path, fmt::format("{} found, the end of the line expected", shown(after)));
  skip_statement();
}

// To the end of the line, or of the block that opens on it. `depth`: blocks already entered.
void Reader::skip_statement(size_t depth) {
  while (true) {
    const Kind kind = lexer_.peek().kind;
    if (kind == Kind::End) return;
    if (depth == 0 && (kind == Kind::EndOfLine || kind == Kind::Close)) return;
    if (kind == Kind::Open) ++depth;
    if (kind == Kind::Close) --depth;
    lexer_.next();
  }
}

}  // namespace segw::config
