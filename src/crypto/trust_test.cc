#include "crypto/trust.h"

#include <gtest/gtest.h>

#include "crypto/testing_certificates.h"

namespace segw::crypto {
namespace {

using testing::authority_spec;
using testing::issue;
using testing::Issued;
using testing::KeyType;
using testing::kNow;
using testing::kYear;
using testing::Spec;

Crl crl(const Issued& authority, const std::vector<Certificate>& revoked,
        WallTime until = kNow + std::chrono::hours(24)) {
  return Crl::parse(testing::revoke(authority, revoked, kNow - kYear, until)).value_or(Crl{});
}

// One authority with an empty CRL.
struct Root {
  explicit Root(const Spec& spec = authority_spec()) : issued(issue(spec)) {}
  [[nodiscard]] TrustAnchors anchors() const {
    return TrustAnchors::make({issued.certificate}, {crl(issued, {})});
  }
  [[nodiscard]] Trust check(const Spec& spec, WallTime now = kNow) const {
    return anchors().check(issue(spec, &issued).certificate, {}, now, UnknownStatus::IsRevoked);
  }
  Issued issued;
};

struct Row {
  const char* name;
  Spec peer;
  Trust expected;
};

class PeerCertificate : public ::testing::TestWithParam<Row> {};

TEST_P(PeerCertificate, IsJudged) {
  EXPECT_EQ(Root().check(GetParam().peer), GetParam().expected)
      << counter_name(Root().check(GetParam().peer));
}

INSTANTIATE_TEST_SUITE_P(
    Trust, PeerCertificate,
    ::testing::Values(
        Row{"good", {}, Trust::Trusted},  //
        Row{"rsa", {.key = KeyType::Rsa2048}, Trust::Trusted},
        Row{"p256", {.key = KeyType::P256}, Trust::Trusted},
        Row{"p384", {.key = KeyType::P384}, Trust::Trusted},
        Row{"p521", {.key = KeyType::P521}, Trust::Trusted},
        Row{"rsa_1024", {.key = KeyType::Rsa1024}, Trust::WeakKey},
        Row{"another_curve", {.key = KeyType::Secp256k1}, Trust::WeakKey},
        Row{"expired", {.until = kNow - std::chrono::seconds(1)}, Trust::Expired},
        Row{"not_yet_valid", {.from = kNow + std::chrono::seconds(1)}, Trust::NotYetValid},
        Row{"no_key_usage", {.key_usage = "-"}, Trust::Trusted},
        Row{"non_repudiation", {.key_usage = "nonRepudiation"}, Trust::Trusted},
        Row{"only_encryption", {.key_usage = "keyEncipherment"}, Trust::KeyUsage},
        Row{"for_ike", {.extended_key_usage = "1.3.6.1.5.5.7.3.17"}, Trust::Trusted},
        Row{"for_tls", {.extended_key_usage = "serverAuth,clientAuth"}, Trust::Trusted},
        Row{"for_anything", {.extended_key_usage = "anyExtendedKeyUsage"}, Trust::Trusted},
        Row{"for_code", {.extended_key_usage = "codeSigning"}, Trust::ExtendedKeyUsage},
        Row{"for_mail", {.extended_key_usage = "emailProtection"}, Trust::ExtendedKeyUsage}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Trust, ASelfSignedStrangerIsUnknown) {
  EXPECT_EQ(Root().anchors().check(issue({}).certificate, {}, kNow, UnknownStatus::IsGood),
            Trust::UnknownAuthority);
}

TEST(Trust, ANamesakeOfTheAuthorityIsNotIt) {
  const Root root;
  const Root namesake(authority_spec("C=DE, O=Example, CN=root", 101));
  const Issued peer = issue({}, &namesake.issued);
  const Trust trust = root.anchors().check(peer.certificate, {}, kNow, UnknownStatus::IsGood);
  EXPECT_TRUE(trust == Trust::BadSignature || trust == Trust::UnknownAuthority)
      << counter_name(trust);
}

TEST(Trust, WithoutAnchorsThereIsNone) {
  EXPECT_EQ(TrustAnchors().check(issue({}).certificate, {}, kNow, UnknownStatus::IsGood),
            Trust::UnknownAuthority);
  EXPECT_EQ(Root().anchors().check({}, {}, kNow, UnknownStatus::IsGood), Trust::UnknownAuthority);
}

TEST(Trust, TheWholePathMustBeInTime) {
  Spec old = authority_spec();
  old.until = kNow - std::chrono::seconds(1);
  EXPECT_EQ(Root(old).check({}), Trust::Expired);
}

TEST(Trust, AWeakAuthorityIsRefused) {
  Spec weak = authority_spec();
  weak.key = KeyType::Rsa1024;
  EXPECT_EQ(Root(weak).check({}), Trust::WeakKey);
}

TEST(Trust, ASignatureWithSha1IsRefused) {
  Spec rsa = authority_spec();
  rsa.key = KeyType::Rsa2048;
  EXPECT_EQ(Root(rsa).check({.sha1 = true}), Trust::WeakKey);
}

// ---- paths ----

struct Path {
  explicit Path(const Spec& middle = authority_spec("CN=middle", 102))
      : between(issue(middle, &root.issued)), peer(issue({}, &between)) {}
  [[nodiscard]] Trust check(const std::vector<Certificate>& others) const {
    return TrustAnchors::make({root.issued.certificate}, {crl(root.issued, {}), crl(between, {})})
        .check(peer.certificate, others, kNow, UnknownStatus::IsRevoked);
  }
  Root root;
  Issued between;
  Issued peer;
};

TEST(TrustPath, LeadsOverWhatThePeerSentInAnyOrder) {
  const Path path;
  EXPECT_EQ(path.check({path.between.certificate}), Trust::Trusted);
  EXPECT_EQ(path.check({issue({.number = 7}).certificate, path.root.issued.certificate,
                        path.between.certificate}),
            Trust::Trusted);
  EXPECT_EQ(path.check({}), Trust::UnknownAuthority);
}

TEST(TrustPath, MayEndAtAnAuthorityThatIsNoRoot) {
  const Path path;
  EXPECT_EQ(TrustAnchors::make({path.between.certificate}, {crl(path.between, {})})
                .check(path.peer.certificate, {}, kNow, UnknownStatus::IsRevoked),
            Trust::Trusted);
}

TEST(TrustPath, DoesNotLeadOverAPeer) {
  Spec middle = authority_spec("CN=middle", 102);
  middle.authority = false;
  const Path path(middle);
  EXPECT_EQ(path.check({path.between.certificate}), Trust::NotAnAuthority);
}

TEST(TrustPath, DoesNotLeadOverOneWithoutBasicConstraints) {
  Spec middle = authority_spec("CN=middle", 102);
  middle.basic_constraints = false;
  const Path path(middle);
  EXPECT_EQ(path.check({path.between.certificate}), Trust::NotAnAuthority);
}

TEST(TrustPath, DoesNotLeadOverOneThatMayNotSignCertificates) {
  Spec middle = authority_spec("CN=middle", 102);
  middle.key_usage = "digitalSignature";
  const Path path(middle);
  const Trust trust = path.check({path.between.certificate});
  EXPECT_NE(trust, Trust::Trusted);
}

TEST(TrustPath, KeepsThePathLengthOfAnAuthority) {
  Spec top = authority_spec();
  top.path_length = 0;
  const Issued root = issue(top);
  const Issued between = issue(authority_spec("CN=middle", 102), &root);
  const Issued peer = issue({}, &between);
  const TrustAnchors anchors =
      TrustAnchors::make({root.certificate}, {crl(root, {}), crl(between, {})});
  const std::vector<Certificate> others{between.certificate};
  EXPECT_EQ(anchors.check(peer.certificate, others, kNow, UnknownStatus::IsRevoked),
            Trust::PathTooLong);
}

TEST(TrustPath, IsBounded) {
  const Root root;
  std::vector<Certificate> others;
  std::vector<Crl> crls{crl(root.issued, {})};
  Issued last = root.issued;
  for (int i = 0; i < kPathMax + 2; ++i) {
    last = issue(authority_spec("CN=a" + std::to_string(i), static_cast<uint8_t>(110 + i)), &last);
    others.push_back(last.certificate);
    crls.push_back(crl(last, {}));
  }
  const TrustAnchors anchors = TrustAnchors::make({root.issued.certificate}, crls);
  const Trust trust =
      anchors.check(issue({}, &last).certificate, others, kNow, UnknownStatus::IsRevoked);
  EXPECT_TRUE(trust == Trust::PathTooLong || trust == Trust::UnknownAuthority)
      << counter_name(trust);
}

TEST(TrustPath, ALoopOfAuthoritiesEnds) {
  const Issued one = issue(authority_spec("CN=one", 120));
  const Issued two = issue(authority_spec("CN=two", 121), &one);
  const Issued back = issue(authority_spec("CN=one", 120), &two);
  const Issued peer = issue({}, &two);
  const std::vector<Certificate> others{two.certificate, back.certificate};
  EXPECT_EQ(Root().anchors().check(peer.certificate, others, kNow, UnknownStatus::IsGood),
            Trust::UnknownAuthority);
}

// ---- revocation ----

TEST(Revocation, OfThePeerAndOfAnAuthorityBetween) {
  const Path path;
  const auto check = [&](const std::vector<Crl>& crls, UnknownStatus unknown) {
    const std::vector<Certificate> others{path.between.certificate};
    return TrustAnchors::make({path.root.issued.certificate}, crls)
        .check(path.peer.certificate, others, kNow, unknown);
  };
  const Crl clean_root = crl(path.root.issued, {});
  const Crl clean = crl(path.between, {});
  const Crl of_peer = crl(path.between, {path.peer.certificate});
  const Crl of_between = crl(path.root.issued, {path.between.certificate});
  using enum UnknownStatus;
  EXPECT_EQ(check({clean_root, clean}, IsRevoked), Trust::Trusted);
  EXPECT_EQ(check({clean_root, of_peer}, IsRevoked), Trust::Revoked);
  EXPECT_EQ(check({clean_root, of_peer}, IsGood), Trust::Revoked);
  EXPECT_EQ(check({of_between, clean}, IsGood), Trust::Revoked);
  EXPECT_EQ(check({clean_root}, IsRevoked), Trust::StatusUnknown);
  EXPECT_EQ(check({clean_root}, IsGood), Trust::Trusted);
  EXPECT_EQ(check({}, IsRevoked), Trust::StatusUnknown);
  EXPECT_EQ(check({}, IsGood), Trust::Trusted);
}

TEST(Revocation, AnOldCrlSaysNothingExceptWhoIsRevoked) {
  const Root root;
  const Issued peer = issue({}, &root.issued);
  const auto check = [&](const Crl& list, UnknownStatus unknown) {
    return TrustAnchors::make({root.issued.certificate}, {list})
        .check(peer.certificate, {}, kNow, unknown);
  };
  const WallTime past = kNow - std::chrono::seconds(1);
  using enum UnknownStatus;
  EXPECT_EQ(check(crl(root.issued, {}, past), IsRevoked), Trust::StatusUnknown);
  EXPECT_EQ(check(crl(root.issued, {}, past), IsGood), Trust::Trusted);
  EXPECT_EQ(check(crl(root.issued, {peer.certificate}, past), IsGood), Trust::Revoked);
}

TEST(Revocation, ACrlOfANamesakeDoesNotCount) {
  const Root root;
  const Root namesake(authority_spec("C=DE, O=Example, CN=root", 101));
  const Issued peer = issue({}, &root.issued);
  const TrustAnchors anchors =
      TrustAnchors::make({root.issued.certificate}, {crl(namesake.issued, {})});
  EXPECT_NE(anchors.check(peer.certificate, {}, kNow, UnknownStatus::IsRevoked), Trust::Trusted);
}

}  // namespace
}  // namespace segw::crypto
