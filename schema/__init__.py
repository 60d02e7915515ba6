"""The GraphQL door: types, queries and the rules of who may ask what. It never calls a partner."""
