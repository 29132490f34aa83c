#include "token/text_rules.h"

#include <gtest/gtest.h>

namespace fettle {

namespace {
using Prefix = SpaceMarking::Prefix;
constexpr TextRules::Place kFirst{}, kFresh{.first = false, .fresh = true}, kBehindText{false, false};

SpaceMarkRules rules(SpaceMarking marking, std::vector<std::string> forms, bool whole_may_match = false) {
  const Vocabulary vocabulary(forms, std::vector<TokenKind>(forms.size(), TokenKind::normal), "test");
  return {marking, vocabulary, std::vector<bool>(forms.size(), true), whole_may_match};
}

std::vector<std::string> pieces(const SpaceMarkRules& r, std::string_view text,
                                TextRules::Place place = kFirst) {
  std::string room;
  const auto views = r.pieces(text, place, room);
  return {views.begin(), views.end()};
}

using Texts = std::vector<std::string>;

TEST(SpaceMarkRules, WhereTheFirstMarkStands) {
  const auto fresh = rules({.prefix = Prefix::fresh}, {"\u2581"});
  EXPECT_EQ(fresh.normalized("a b", kFirst), "\u2581a\u2581b");
  EXPECT_EQ(fresh.normalized(" a", kFresh), "\u2581\u2581a");
  EXPECT_EQ(fresh.normalized("a", kBehindText), "a");
  EXPECT_EQ(fresh.normalized("", kFirst), "");
  EXPECT_EQ(rules({}, {"\u2581"}).normalized("a ", kFirst), "a\u2581");
  const auto first = rules({.prefix = Prefix::first, .unless_marked = true}, {"\u2581"});
  EXPECT_EQ(first.normalized("a", kFirst), "\u2581a");
  EXPECT_EQ(first.normalized(" a", kFirst), "\u2581a");
  EXPECT_EQ(first.normalized("a", kFresh), "a");
}

TEST(SpaceMarkRules, MarksAfterNormalizing) {
  const auto late = rules({.prefix = Prefix::fresh, .after_normalizing = true}, {"\u2581"});
  EXPECT_EQ(late.normalized("a b", kFirst), "a b");
  EXPECT_EQ(pieces(late, "a b"), (Texts{"\u2581a", "\u2581b"}));
}

TEST(SpaceMarkRules, CutsBeforeWords) {
  const auto r = rules({}, {"\u2581", "\u2581a", "\u2581\u2581"});
  EXPECT_EQ(pieces(r, "a\u2581b\u2581\u2581\u2581c\u2581"),
            (Texts{"a", "\u2581b", "\u2581\u2581\u2581c", "\u2581"}));
  EXPECT_EQ(pieces(r, "\u2581"), (Texts{"\u2581"}));
  EXPECT_EQ(pieces(r, ""), Texts{});
}

TEST(SpaceMarkRules, CutsNowhereATokenReachesAcross) {
  const auto r = rules({}, {"\u2581", ">\u2581<", "\u00e9\u2581"});
  EXPECT_EQ(pieces(r, "a\u2581>\u2581<\u2581b\u00e9\u2581"),
            (Texts{"a", "\u2581>\u2581<", "\u2581b\u00e9\u2581"}));
}

TEST(SpaceMarkRules, WholeTextsAreOnePiece) {
  const Texts whole = {"a\u2581b"};
  EXPECT_EQ(pieces(rules({}, {"\u2581"}, /*whole_may_match=*/true), "a\u2581b"), whole);
  EXPECT_EQ(pieces(rules({}, {"a"}), "a\u2581b"), whole) << "the mark has no token";
  Texts forms = {"\u2581"};
  for (char c = 'a'; c < 'a' + 17; ++c) forms.push_back(std::string(1, c) + "\u2581");
  EXPECT_EQ(pieces(rules({}, forms), "z\u2581b"), (Texts{"z\u2581b"})) << "too many tokens reach over words";
}

TEST(SpaceMarkRules, WhatTokensStandFor) {
  const auto r = rules({}, {"\u2581"});
  EXPECT_EQ(r.bytes_of("\u2581a\u2581", TokenKind::normal), " a ");
  EXPECT_EQ(r.bytes_of("\u2581\u2581", TokenKind::user_defined), "  ");
  EXPECT_EQ(r.bytes_of("<0xE4>", TokenKind::byte), "\xe4");
  EXPECT_EQ(r.bytes_of("<0xE4>", TokenKind::normal), "<0xE4>");
}

TEST(ByteForms, TwoCapitalDigits) {
  EXPECT_EQ(byte_of_form("<0x00>"), 0);
  EXPECT_EQ(byte_of_form("<0xAF>"), 0xaf);
  for (const char* form : {"<0xaf>", "<0xAG>", "<0xAF", "<0xAF>>", "0xAF>>", "<0x-1>", ""}) {
    EXPECT_EQ(byte_of_form(form), -1) << form;
  }
}
}  // namespace

}  // namespace fettle
