#include "config/lexer.h"

namespace segw::config {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

bool ends_word(char c) {
  return is_blank(c) || is_control(c) || c == '{' || c == '}' || c == '[' || c == ']' || c == '"';
}

struct Utf8Form {  // RFC 3629 section 4
  uint8_t first_least, first_most;
  uint8_t second_least, second_most;
  size_t size;
};
// NOLINTBEGIN(modernize-use-designated-initializers): a table, its columns named above.
constexpr Utf8Form kUtf8Forms[] = {{0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
                                   {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3},
                                   {0xEE, 0xEF, 0x80, 0xBF, 3}, {0xF0, 0xF0, 0x90, 0xBF, 4},
                                   {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
// NOLINTEND(modernize-use-designated-initializers)

// Bytes of the character at the front, 0 if it is none.
size_t utf8_size(std::string_view text) {
  const auto byte = [&](size_t at) { return static_cast<uint8_t>(text[at]); };
  if (byte(0) < 0x80) return 1;
  for (const Utf8Form& form : kUtf8Forms) {
    if (byte(0) < form.first_least || byte(0) > form.first_most) continue;
    if (text.size() < form.size) return 0;
    if (byte(1) < form.second_least || byte(1) > form.second_most) return 0;
    for (size_t at = 2; at < form.size; ++at) {
      if (byte(at) < 0x80 || byte(at) > 0xBF) return 0;
    }
    return form.size;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const size_t size = utf8_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

void refuse_other_than_utf8(Token& token) {
  if (token.kind == Token::Kind::Bad || is_utf8(token.text)) return;
  token.kind = Token::Kind::Bad;
  token.text = "characters that are not UTF-8";
}

}  // namespace

char Lexer::take() {
  const char c = text_[at_++];
  if (c == '\n') {
    ++line_;
    column_ = 1;
  } else {
    ++column_;
  }
  return c;
}

void Lexer::skip_blanks() {
  while (at_ < text_.size() && is_blank(text_[at_])) take();
  if (at_ < text_.size() && text_[at_] == '#') {
    while (at_ < text_.size() && text_[at_] != '\n') take();
  }
}

void Lexer::advance() {
  skip_blanks();
  Token token{.kind = Token::Kind::End, .text = "", .line = line_, .column = column_};
  if (at_ == text_.size()) {
    ahead_ = std::move(token);
    return;
  }
  switch (text_[at_]) {
    case '\n':
      token.kind = Token::Kind::EndOfLine;
      break;
    case '{':
      token.kind = Token::Kind::Open;
      break;
    case '}':
      token.kind = Token::Kind::Close;
      break;
    case '[':
      token.kind = Token::Kind::ListOpen;
      break;
    case ']':
      token.kind = Token::Kind::ListClose;
      break;
    case '"':
      ahead_ = quoted();
      refuse_other_than_utf8(ahead_);
      return;
    default:
      ahead_ = bare();
      refuse_other_than_utf8(ahead_);
      return;
  }
  token.text = take();
  ahead_ = std::move(token);
}

Token Lexer::quoted() {
  Token token{.kind = Token::Kind::Text, .text = "", .line = line_, .column = column_};
  take();
  while (at_ < text_.size() && text_[at_] != '\n') {
    char c = take();
    if (c == '"') return token;
    if (c == '\\' && at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\\')) c = take();
    if (is_control(c) && c != '\t') {
      token.kind = Token::Kind::Bad;
      token.text = "control character in a quoted text";
      return token;
    }
    token.text += c;
  }
  token.kind = Token::Kind::Bad;
  token.text = "the closing quote is missing on this line";
  return token;
}

Token Lexer::bare() {
  Token token{.kind = Token::Kind::Word, .text = "", .line = line_, .column = column_};
  while (at_ < text_.size() && !ends_word(text_[at_])) token.text += take();
  if (token.text.empty()) {
    take();
    token.kind = Token::Kind::Bad;
    token.text = "control character";
  }
  return token;
}

std::string quote(std::string_view value) {
  bool bare = !value.empty() && value.front() != '#';
  for (const char c : value) bare = bare && !ends_word(c) && c != '\\';
  if (bare) return std::string(value);
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + '"';
}

}  // namespace segw::config
