package main

import (
	"crypto/ed25519"
	"encoding/hex"

	"github.com/smartcontractkit/wsrpc/credentials"
	"github.com/smartcontractkit/wsrpc/examples/simple/keys"
)

type certificateVector struct {
	Name        string `json:"name"`
	Seed        string `json:"seed_hex"`
	Public      string `json:"public_hex"`
	Certificate string `json:"certificate_hex"`
}

// certificateVectors has the certificate that the library makes of each of its published example keys. Ed25519
// signatures are deterministic, so the certificates are too.
func certificateVectors() ([]certificateVector, error) {
	var vectors []certificateVector
	add := func(name, secret string) error {
		key, err := parseSecret(secret)
		if err != nil {
			return err
		}
		private, err := credentials.ValidPrivateKeyFromEd25519(key)
		if err != nil {
			return err
		}
		config, err := credentials.NewClientTLSConfig(private, &credentials.PublicKeys{})
		if err != nil {
			return err
		}
		vectors = append(vectors, certificateVector{
			Name:        name,
			Seed:        hex.EncodeToString(key.Seed()),
			Public:      hex.EncodeToString(key.Public().(ed25519.PublicKey)),
			Certificate: hex.EncodeToString(config.Certificates[0].Certificate[0]),
		})
		return nil
	}

	if err := add("server", keys.ServerPrivKey); err != nil {
		return nil, err
	}
	for _, client := range keys.Clients {
		if err := add(client.Name, client.PrivKey); err != nil {
			return nil, err
		}
	}
	return vectors, nil
}
