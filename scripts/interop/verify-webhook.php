<?php
// Verifies a delivery as a receiver written in PHP would.
declare(strict_types=1);

$headers = json_decode(file_get_contents(getenv("DELIVERY_HEADERS")), true, flags: JSON_THROW_ON_ERROR);
$body = file_get_contents(getenv("DELIVERY_BODY"));
$secret = getenv("WEBHOOK_SECRET");
$publicKey = base64_decode(substr(getenv("WEBHOOK_PUBLIC_KEY"), strlen("whpk_")), true);

$checks = [
    "X-Secufile-Signature" => fn (string $content): bool => hash_equals(
        "sha256=" . hash_hmac("sha256", $content, $secret),
        $headers["x-secufile-signature"],
    ),
    "v1" => function (string $content) use ($headers, $secret): bool {
        $key = base64_decode(substr($secret, strlen("whsec_")), true);
        $wanted = "v1," . base64_encode(hash_hmac("sha256", standard($headers, $content), $key, true));
        foreach (explode(" ", $headers["webhook-signature"]) as $given) {
            if (hash_equals($wanted, $given)) {
                return true;
            }
        }
        return false;
    },
    "v1a" => function (string $content) use ($headers, $publicKey): bool {
        foreach (explode(" ", $headers["webhook-signature"]) as $given) {
            [$version, $signature] = explode(",", $given, 2);
            if (
                $version === "v1a" &&
                sodium_crypto_sign_verify_detached(base64_decode($signature, true), standard($headers, $content), $publicKey)
            ) {
                return true;
            }
        }
        return false;
    },
];

function standard(array $headers, string $content): string
{
    return "{$headers["webhook-id"]}.{$headers["webhook-timestamp"]}.$content";
}

foreach ($checks as $name => $verify) {
    if (!$verify($body)) {
        fwrite(STDERR, "$name does not verify\n");
        exit(1);
    }
    if ($verify("$body ")) {
        fwrite(STDERR, "$name verifies another body\n");
        exit(1);
    }
}
echo implode(", ", array_keys($checks)), " verified, another body refused\n";
