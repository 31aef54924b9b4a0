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
      return;
    default:
      ahead_ = bare();
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
