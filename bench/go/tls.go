package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"math/big"
)

// tlsConfig is mutual TLS 1.3 with self-signed ed25519 certificates, as all contestants with TLS have it: no session is resumed.
// Go checks the handshake's signature by itself; with a key, the peer must have that one.
func tlsConfig(own ed25519.PrivateKey, peer ed25519.PublicKey) (*tls.Config, error) {
	template := x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, &template, &template, own.Public(), own)
	if err != nil {
		return nil, err
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{certificate}, PrivateKey: own}},
		MinVersion:             tls.VersionTLS13,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true,
		InsecureSkipVerify:     true,
		VerifyConnection: func(state tls.ConnectionState) error {
			shown, isEd25519 := state.PeerCertificates[0].PublicKey.(ed25519.PublicKey)
			if !isEd25519 {
				return fmt.Errorf("the peer's key is %T, not of ed25519", state.PeerCertificates[0].PublicKey)
			}
			if peer != nil && !peer.Equal(shown) {
				return fmt.Errorf("the peer's key is %x, not %x", shown, peer)
			}
			return nil
		},
	}, nil
}

func newKey() (ed25519.PrivateKey, string, error) {
	public, private, err := ed25519.GenerateKey(nil)
	return private, hex.EncodeToString(public), err
}

func parseKey(text string) (ed25519.PublicKey, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("--key %q is not 64 hex digits", text)
	}
	return key, nil
}
