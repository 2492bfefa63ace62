openssl req -x509 -newkey rsa:3072 -noenc -days 365 \
    -subj /CN=ironic-passthru -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout api.key -out api.crt
chmod 600 api.key
