#include "integration/net/ws_server.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <utility>

namespace subcults::test {
namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;

ScriptServer::ScriptServer(Script script)
    : acceptor_(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0)),
      script_(std::move(script)),
      port_(acceptor_.local_endpoint().port()),
      thread_([this] { loop(); }) {}

ScriptServer::~ScriptServer() {
    stopping_ = true;
    // Wakes the accept; the script's own connections end because their clients are gone.
    tcp::socket wake(io_);
    boost::system::error_code ignored;
    wake.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_), ignored);
    thread_.join();
}

void ScriptServer::loop() {
    for (;;) {
        TcpSocket socket(io_);
        boost::system::error_code ec;
        acceptor_.accept(socket, ec);
        if (ec || stopping_) return;
        try {
            script_(socket);
        } catch (const std::exception&) {
        }
    }
}

ScriptServer::Script upgraded(std::function<void(ServerStream&)> script) {
    return [script = std::move(script)](TcpSocket& socket) {
        ServerStream ws(socket);
        ws.accept();
        script(ws);
    };
}

UpgradeRequest read_request(TcpSocket& socket) {
    beast::flat_buffer buffer;
    UpgradeRequest request;
    beast::http::read(socket, buffer, request);
    return request;
}

namespace {

struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
    void operator()(BIO* bio) const { BIO_free(bio); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

Owned<EVP_PKEY> new_key() {
    Owned<EVP_PKEY> key(EVP_EC_gen("P-256"));
    if (!key) throw std::runtime_error("cannot make a key");
    return key;
}

void extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
    if (!extension) throw std::runtime_error("cannot extend the certificate");
    X509_add_ext(certificate, extension.get(), -1);
}

Owned<X509> new_certificate(EVP_PKEY* key, const std::string& name, long serial, X509* issuer) {
    Owned<X509> certificate(X509_new());
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME* const subject = X509_get_subject_name(certificate.get());
    const void* const text = name.c_str();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, static_cast<const unsigned char*>(text),
                               -1, -1, 0);
    X509_set_issuer_name(certificate.get(),
                         issuer == nullptr ? subject : X509_get_subject_name(issuer));
    return certificate;
}

std::string pem(const std::function<int(BIO*)>& write) {
    const Owned<BIO> bio(BIO_new(BIO_s_mem()));
    if (write(bio.get()) != 1) throw std::runtime_error("cannot write PEM");
    std::string text(BIO_ctrl_pending(bio.get()), '\0');
    BIO_read(bio.get(), text.data(), static_cast<int>(text.size()));
    return text;
}

}  // namespace

TestCertificates::TestCertificates(const std::string& names) {
    const auto ca_key = new_key();
    const auto ca = new_certificate(ca_key.get(), "Test authority", 1, nullptr);
    extend(ca.get(), ca.get(), NID_basic_constraints, "critical,CA:TRUE");
    X509_sign(ca.get(), ca_key.get(), EVP_sha256());
    const auto key = new_key();
    const auto leaf = new_certificate(key.get(), "server", 2, ca.get());
    extend(leaf.get(), ca.get(), NID_subject_alt_name, names);
    X509_sign(leaf.get(), ca_key.get(), EVP_sha256());

    std::string path = "/tmp/subcults-test-ca-XXXXXX";
    const int fd = ::mkstemp(path.data());
    if (fd < 0) throw std::runtime_error("cannot make a temporary file");
    ca_file = path;
    const std::string ca_pem = pem([&](BIO* bio) { return PEM_write_bio_X509(bio, ca.get()); });
    const bool written =
        ::write(fd, ca_pem.data(), ca_pem.size()) == static_cast<ssize_t>(ca_pem.size());
    ::close(fd);
    if (!written) throw std::runtime_error("cannot write the temporary file");

    const std::string leaf_pem = pem([&](BIO* bio) { return PEM_write_bio_X509(bio, leaf.get()); });
    const std::string key_pem = pem([&](BIO* bio) {
        return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    server.use_certificate(asio::buffer(leaf_pem), asio::ssl::context::pem);
    server.use_private_key(asio::buffer(key_pem), asio::ssl::context::pem);
}

TestCertificates::~TestCertificates() {
    ::unlink(ca_file.c_str());
}

}  // namespace subcults::test
